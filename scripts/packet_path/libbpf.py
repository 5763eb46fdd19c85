# SPDX-License-Identifier: GPL-2.0-only
"""A compiled BPF object in the kernel, by libbpf; it is gone when this process is, however it ends.
"""
import ctypes
import os

# The library's symbols carry this version.
NAME = "libbpf.so.1"
ANY = 0
PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
POINTERS = ("bpf_object__open_file", "bpf_object__next_program", "bpf_program__attach",
            "bpf_object__find_map_by_name")


class BpfError(Exception):
    """Something is missing, or the kernel has refused the programs."""


@PRINT
def say_nothing(_level, _text, _arguments):
    """What it has to say are pages; an error number is enough."""
    return 0


def library():
    try:
        found = ctypes.CDLL(NAME, use_errno=True)
    except OSError:
        raise BpfError(f"{NAME} is missing: apt-get install libbpf1") from None
    for name in POINTERS:
        getattr(found, name).restype = ctypes.c_void_p
    found.bpf_program__name.restype = ctypes.c_char_p
    found.libbpf_set_print(say_nothing)
    return found


class BpfObject:
    """The programs of a file, without some of them, and its maps."""

    def __init__(self, path, left_out, constants):
        self.lib = library()
        self.object = self._pointer("open", self.lib.bpf_object__open_file(
            os.fsencode(path), None))
        for program in self._programs():
            if self._name(program) in left_out:
                self.lib.bpf_program__set_autoload(program, False)
        for name, value in constants.items():
            self.lib.bpf_map__set_initial_value(self._map(name), value,
                                                ctypes.c_size_t(len(value)))
        if error := self.lib.bpf_object__load(self.object):
            raise BpfError(f"the kernel refuses the programs: {os.strerror(-error)}")
        self.links = [self._attach(program) for program in self._programs()
                      if self._name(program) not in left_out]

    @staticmethod
    def _pointer(what, value):
        if not value:
            raise BpfError(f"libbpf: {what}: {os.strerror(ctypes.get_errno())}")
        return ctypes.c_void_p(value)

    def _programs(self):
        program = None
        while program := self.lib.bpf_object__next_program(self.object, program):
            program = ctypes.c_void_p(program)
            yield program

    def _name(self, program):
        return self.lib.bpf_program__name(program).decode()

    def _attach(self, program):
        return self._pointer(self._name(program), self.lib.bpf_program__attach(program))

    def _map(self, name):
        return self._pointer(name, self.lib.bpf_object__find_map_by_name(self.object,
                                                                         name.encode()))

    def read(self, name, key_bytes):
        """{key: count} of a map, to which keys are only added."""
        fd = self.lib.bpf_map__fd(self._map(name))
        last, key, count = None, ctypes.create_string_buffer(key_bytes), ctypes.c_uint64()
        found = {}
        while not self.lib.bpf_map_get_next_key(fd, last, key):
            if not self.lib.bpf_map_lookup_elem(fd, key, ctypes.byref(count)):
                found[key.raw] = count.value
            last = key
        return found
