"""Where the stored keep-list lies unless a user says otherwise."""

from typing import Final

FILE: Final = "local/gallery.sqlite"  # in the DB folder
VARIABLE: Final = "FACESURROGATE_GALLERY"  # a URL or a file
