#!/bin/sh
# The breakable service, process 1 of its container. It serves /cgi-bin/health on 8080 and breaks
# on demand: faults arrive on /run/control (see `fault`). What is kept in /state survives a restart
# of the container; what is kept in variables does not, so that a restart heals it.
#
# NAME           how it signs its log lines
# DEPENDS        host:port,... that must answer /cgi-bin/health for this service to be healthy
# DEPENDS_FATAL  1: exit 1 after three failed looks at a dependency
# VOLUME         a directory that must be writable
# NEED_MB        memory it holds from the start
set -u
: "${NAME:=service}" "${DEPENDS:=}" "${DEPENDS_FATAL:=}" "${VOLUME:=}" "${NEED_MB:=0}"
BAD_CONFIG="config: /etc/app.toml line 7: unknown key 'databse_url'"
sick= sick_until= leak_kb=0 held=0 ticks=0 misses=0 published= chunk=

say() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $1 $NAME: $2"; }

die() {
    say FATAL "$1"
    exit "${2:-1}"
}

publish() {
    [ "$1" = "$published" ] && return
    echo "$1" >/run/status.new && mv /run/status.new /run/status
    published=$1
}

# hold KB: keep that much more in this very process, so that the kernel's choice is process 1
hold() {
    [ -n "$chunk" ] || chunk=$(head -c 262144 /dev/zero | tr '\0' x)
    goal=$((held + $1))
    while [ "$held" -lt "$goal" ]; do
        eval "held_$held=\$chunk"
        held=$((held + 256))
    done
}

load() {
    say INFO "reload: dataset is now ${1}MB, loading into memory"
    hold $(($1 * 1024))
    say INFO "dataset loaded"
}

# answers HOST:PORT: whether that service says it is healthy
answers() { timeout 1 wget -q -O /dev/null "http://$1/cgi-bin/health" 2>/dev/null; }

look_at_dependencies() {
    for peer in $(echo "$DEPENDS" | tr ',' ' '); do
        answers "$peer" && continue
        misses=$((misses + 1))
        say ERROR "dependency ${peer%:*} does not answer at $peer"
        status="dependency ${peer%:*} does not answer"
        [ -n "$DEPENDS_FATAL" ] && [ "$misses" -ge 3 ] && die "giving up: cannot reach dependency ${peer%:*}"
        return
    done
    misses=0
}

look_at_volume() {
    if { echo "$ticks" >"$VOLUME/.journal"; } 2>/dev/null; then
        rm -f "$VOLUME/.journal"
    else
        status="cannot write to $VOLUME"
        say ERROR "write $VOLUME/journal: No space left on device"
    fi
}

look() {
    status=ok
    [ -n "$sick_until" ] && [ "$(date +%s)" -ge "$sick_until" ] && sick= sick_until= && say INFO "recovered"
    [ -n "$VOLUME" ] && look_at_volume
    [ -n "$DEPENDS" ] && look_at_dependencies
    [ -n "$sick" ] && status=$sick
    publish "$status"
}

fill() {
    say WARN "uploads are growing"
    dd if=/dev/zero of="$VOLUME/uploads.bin" bs=4096 2>/dev/null
}

leak() {
    say WARN "cache: eviction is switched off"
    hold $(($1 * 1024))
    leak_kb=$2
}

fault() {
    case $1 in
    crash) say ERROR "unhandled exception in worker: KeyError: 'session_id'"; die "worker died, aborting" ;;
    finish) say INFO "job finished"; exit 0 ;;
    hung) sick="worker pool does not answer"; say WARN "request queue is full" ;;
    wobble) sick="garbage collection"; sick_until=$(($(date +%s) + $2)); say WARN "long pause" ;;
    oom) echo "$2" >/state/need_mb; load "$2" ;;
    leak) leak "$2" "$3" ;;
    misconfigure) touch /state/bad_config; die "$BAD_CONFIG" ;;
    flap) echo "$2" >/state/uptime_s; die "segmentation fault in native module" ;;
    fill_volume) fill ;;
    say) shift; say ERROR "$*" ;;
    *) say ERROR "unknown fault '$1'" ;;
    esac
}

tick() {
    ticks=$((ticks + 1))
    [ "$leak_kb" -gt 0 ] && hold "$leak_kb"
    [ -f /state/uptime_s ] && [ "$ticks" -ge "$(cat /state/uptime_s)" ] && die "segmentation fault in native module"
    [ $((ticks % 10)) -eq 0 ] && say INFO "handled $((ticks * 7)) requests"
}

mkdir -p /run /state /tmp
rm -f /run/control && mkfifo /run/control && exec 3<>/run/control
trap 'say INFO "stopping"; exit 143' TERM
publish starting
say INFO "starting (pid $$)"
[ -f /state/bad_config ] && die "$BAD_CONFIG"
httpd -p 8080 -h /www
say INFO "listening on 0.0.0.0:8080"
[ -f /state/need_mb ] && NEED_MB=$(cat /state/need_mb)
[ "$NEED_MB" -gt 0 ] && sleep 1 && load "$NEED_MB"
look
# A clock of its own: every child that ends would begin the time-out of `read -t` anew.
while sleep 1; do echo tick; done >&3 &
while :; do
    read -r words <&3 && case $words in
    tick) tick ;;
    *) fault $words ;;
    esac
    look
done
