"""Measurements that decisions rest on (docs/adr). Not here: anything the product needs."""
