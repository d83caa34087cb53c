"""`python -m tocsin` is the `tocsin` command."""

from tocsin.command import main

if __name__ == "__main__":
    main()
