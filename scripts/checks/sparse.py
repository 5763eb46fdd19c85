#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run sparse with endian checks over every source file and refuse every warning.

The device's words are little endian: a missing conversion works on every machine the tests run
on, and only sparse sees it.
"""
import shutil

import module_build
import report


def check(options):
    """Let the kernel's build call sparse; objects that exist are not compiled again."""
    if not shutil.which("sparse"):
        raise report.CheckError("sparse is missing; install the package sparse")
    with module_build.directory(options) as build:
        result = module_build.make(build, "W=1", "C=2", "CF=-D__CHECK_ENDIAN__")
        findings = module_build.findings(build, options.root, result.stdout,
                                         "annotate or convert the value")
        checked = module_build.steps(build, result.stdout, "CHECK")
    if result.returncode and not findings:
        module_build.failure(result)
    return report.Report(len(checked), "files", findings)


if __name__ == "__main__":
    report.main(check, __doc__, module_build.add_options)
