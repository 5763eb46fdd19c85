# SPDX-License-Identifier: GPL-2.0-only
#
# Plain "make" builds sluice.ko like any out-of-tree module; what to build is in Kbuild.
# The kernel to build for: KDIR, else the one KERNELRELEASE names, else the kernel that "make run"
# has cached, else the running one.

PYTHON := /usr/bin/python3
PYTEST := PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest
# Files of tests; empty: all that the target is for.
TESTS ?=
# One of the NICs of scripts/models.py; empty: make test and make stack have a session for each
# that they are to try.
NIC ?=
# The kernel of "make sanitize": kasan, kcsan or gcov.
SANITIZER ?= kasan

ifneq ($(KERNELRELEASE),)
KDIR ?= /lib/modules/$(KERNELRELEASE)/build
endif
# Recursive: "make help" need not look for a kernel.
KDIR ?= $(shell scripts/kernel headers)
KBUILD_ARGS = -C $(KDIR) M=$(CURDIR)

.PHONY: modules modules_install clean run shell test check coccicheck kunit mutate lies coverage \
	bench bench-quick kernel kcsan sanitize stack selftests help kernel-found

modules: kernel-found
	$(MAKE) $(KBUILD_ARGS) modules

modules_install: kernel-found
	$(MAKE) $(KBUILD_ARGS) modules_install

# Not Kbuild's clean: the kernel that built the module may be gone.
clean:
	find . -name .git -prune -o -type f \( -name '*.o' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name modules.order -o -name Module.symvers \
		\) -exec rm -f {} +

kernel-found:
	@test -e $(KDIR)/Makefile || { echo "no kernel headers in $(KDIR):" \
		"give KDIR=, install the headers, or let 'make run' fetch Debian's" >&2; exit 1; }

# What the guest runs is always built for the guest's kernel.
ready-%:
	@scripts/setup $*
	@$(MAKE) --no-print-directory -j"$$(nproc)" modules KDIR="$$(scripts/kernel fetch)/headers"

run: ready-run
	@$(PYTHON) -B scripts/run.py

shell: ready-shell
	@$(PYTHON) -B scripts/shell.py

test: ready-test
	@scripts/kernel-build kasan >/dev/null
	@$(PYTHON) -B scripts/test.py $(if $(NIC),--nic=$(NIC)) $(TESTS)

# The networking stack through interfaces of this driver: sockets, qdiscs, netfilter and so on.
stack: ready-test
	@$(PYTHON) -B scripts/test.py --stack $(if $(NIC),--nic=$(NIC)) $(TESTS)

# Those that the kernel has for network drivers, against the in-tree drivers.
selftests: ready-test
	@$(PYTHON) -B scripts/selftests $(if $(NIC),--nic=$(NIC)) $(TESTS)

check: ready-check
	@$(PYTEST) scripts/tests/test_static.py

coccicheck:
	@scripts/setup check
	@$(PYTHON) -B scripts/checks/coccicheck.py

# Against the in-tree drivers; BENCH="--nic virtio --part rates" chooses, see scripts/bench/bench.py.
bench: ready-bench
	@$(PYTHON) -B scripts/bench/bench.py $(BENCH)

bench-quick: ready-bench
	@$(PYTHON) -B scripts/bench/bench.py --quick $(BENCH)

# Minutes when it is the first time, hence not behind a silent pytest.
kernel:
	@scripts/setup kernel
	@scripts/kernel-build kasan

kcsan:
	@scripts/setup kernel
	@scripts/kernel-build kcsan

sanitize: ready-test
	@scripts/kernel-build $(SANITIZER)
	@$(PYTEST) --kernel=$(SANITIZER) $(if $(NIC),--nic=$(NIC)) $(or $(TESTS),scripts/tests)

kunit: ready-test
	@scripts/kernel-build kasan
	@$(PYTHON) -B scripts/kunit.py

# Hours: see "Proof that the tests bite" in Documentation/testing.rst.
mutate: ready-test
	@scripts/kernel-build kasan
	@$(PYTHON) -B scripts/mutate $(MUTATIONS)

# Ten minutes and more: a million lies of a virtio device, on the sanitizer kernel.
lies: ready-test
	@scripts/kernel-build kasan
	@SLUICE_MILLION_LIES=1 $(PYTEST) --kernel=kasan scripts/tests/test_vhost_user.py -k lies

coverage: ready-test
	@scripts/kernel-build gcov
	@$(PYTHON) -B scripts/line_coverage.py $(TESTS)

help:
	@echo 'make           build sluice.ko for KDIR= or KERNELRELEASE='
	@echo 'make run       the main job: boot a guest with an emulated e1000 and use it, with XDP'
	@echo 'make test      run every test; TESTS="FILE..." chooses, NIC=virtio or such, too'
	@echo 'make stack     the tests of the networking stack over the driver only; NIC=, TESTS= too'
	@echo "make selftests the kernel's own tests of drivers, on ours and on the in-tree ones; NIC= too"
	@echo 'make check     run the static checks only; make coccicheck: the semantic patches only'
	@echo 'make sanitize  the tests of the driver on a kernel that watches every access'
	@echo 'make kunit     the unit tests, in a guest on that kernel'
	@echo 'make mutate    break the driver in small ways, and see which layer of the tests notices'
	@echo 'make lies      a virtio device that lies a million times, on that kernel'
	@echo 'make coverage  both of them on a kernel that counts which lines of the driver have run'
	@echo 'make bench     measure against the in-tree drivers, 20 minutes; make bench-quick: 4'
	@echo 'make kernel    build that kernel only; make kcsan: the one that finds data races'
	@echo 'make shell     a shell in a guest with the NIC up'
	@echo 'make modules_install, make clean   as for any out-of-tree module'
	@echo
	@echo 'What runs a guest or builds a kernel installs missing Debian packages (as root), and'
	@echo 'keeps kernels, which are not installed, in $${XDG_CACHE_HOME:-~/.cache}/sluice.'
	@echo 'KERNEL=RELEASE chooses another kernel for them.'
