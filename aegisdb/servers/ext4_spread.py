"""Lets ext4 put the files of each database somewhere else on the disk.

Without a journal, as small virtual machines and CI runners often have it, ext4 gives an inode to nobody for one to five
minutes after its file was deleted, and walks past every such inode again for each file that is made in the same group
of blocks (`recently_deleted` in the kernel's fs/ext4/ialloc.c). A database is a directory of hundreds or thousands of
files, and the files of a directory go where the directory is: there, after a DROP DATABASE the next CREATE DATABASE
takes several times as long. Below a directory with the attribute `T` of chattr(1) new directories are spread. With a
journal that changes next to nothing.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MACHINES = {"x86_64", "aarch64"}  # elsewhere the numbers of these calls are others
_GET_FLAGS = 0x80086601
_SET_FLAGS = 0x40086602
_TOP_OF_HIERARCHIES = 0x00020000
_FLAGS = struct.Struct("@l")


def spread(directory: Path) -> bool:
    """Let new directories below this one be placed apart from each other; whether it has come to that.

    A hint to the file system, for whoever owns the directory: other file systems and systems than Linux do without.
    """
    on_linux = sys.platform == "linux"
    if not on_linux or os.uname().machine not in _MACHINES:
        return False
    from fcntl import ioctl

    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        (flags,) = _FLAGS.unpack(ioctl(descriptor, _GET_FLAGS, _FLAGS.pack(0)))
        if not flags & _TOP_OF_HIERARCHIES:
            ioctl(descriptor, _SET_FLAGS, _FLAGS.pack(flags | _TOP_OF_HIERARCHIES))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
