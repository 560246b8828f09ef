"""The API in a process of its own: `python -m benchmarks.api_server FOLDER DATABASE` prints where it listens."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn

from api.app import create_app
from benchmarks.crm import engine_settings, open_crm
from syncengine.engine import Engine
from syncengine.secrets import Secrets


def main() -> int:
    """Serve until somebody ends the process."""
    folder, database = Path(sys.argv[1]), sys.argv[2]
    settings = engine_settings(folder, database).model_copy(update={"requests_per_minute": 10_000_000})
    engine = Engine(settings=settings, store=open_crm(database), secrets=Secrets(settings))
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        create_app(engine), log_config=None, access_log=False, lifespan="off", timeout_keep_alive=600
    )
    uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
