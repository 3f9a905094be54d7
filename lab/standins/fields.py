"""The parameters of a request, from its query and its form. Not here: what they mean."""

from urllib.parse import parse_qsl

from starlette.requests import Request


async def fields(request: Request) -> dict[str, str]:
    """All of them by name, the form's over the query's; of a repeated one the last."""
    body = (await request.body()).decode() if request.method == "POST" else ""
    return {**request.query_params, **dict(parse_qsl(body, keep_blank_values=True))}
