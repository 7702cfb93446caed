"""`python -m app.cli` is `fm-auth`."""

from app.cli import main

if __name__ == "__main__":
    main()
