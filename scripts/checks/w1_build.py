#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Build with W=1 and refuse every warning; refuse a source file that is not built at all."""
import module_build
import report
from report import Finding


def unbuilt(root, compiled):
    """Source files that Kbuild does not name: dead code that every other check believes in."""
    for path in report.sources(root, "src/**/*.c"):
        obj = path.relative_to(root).with_suffix(".o")
        if obj not in compiled and not path.name.endswith(".mod.c"):
            yield Finding(path, 1, "is not built", "add it to Kbuild or remove it")


def check(options):
    """Compile everything once."""
    with module_build.directory(options) as build:
        result = module_build.make(build, "W=1")
        compiled = module_build.steps(build, result.stdout, "CC")
        findings = module_build.findings(build, options.root, result.stdout,
                                         "the build must be silent")
    if result.returncode and not findings:
        module_build.failure(result)
    if not result.returncode:
        findings.extend(unbuilt(options.root, compiled))
    return report.Report(len(compiled), "objects", findings)


if __name__ == "__main__":
    report.main(check, __doc__, module_build.add_options)
