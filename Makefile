# The short front door; the work is done by Meson, Ninja and the scripts in tools/.
# On a bare Debian 12 `make demo` alone and `make test` alone install what they need and do it all.
MAKEFLAGS += --no-print-directory
python := /usr/bin/python3
seconds ?= 60

.PHONY: all deb tarball packages twice setup setup-deb setup-tree setup-run setup-test setup-lint engines engines-all demo test bench interop drill-table matrix fuzz soak big fmt lint docs clean help

all: setup build/build.ninja ## build/handover
	@ninja -C build $(if $(V),-v,--quiet)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 10

setup:
	@tools/setup.sh build
setup-run:
	@tools/setup.sh build run
setup-test:
	@tools/setup.sh build run test lint
setup-deb:
	@tools/setup.sh build deb
setup-tree:
	@tools/setup.sh deb tree
setup-lint:
	@tools/setup.sh build lint
engines:
	@tools/engines.sh
engines-all:
	@tools/engines.sh all

build/build.ninja:
	@echo "build: build/handover, for the first time (about a minute)"
	@meson setup build >build-setup.log 2>&1 || { tail -n 20 build-setup.log; rm -f build-setup.log; exit 1; }
	@rm -f build-setup.log

demo: setup-run all engines ## a whole move on this machine, on real engines, under live writes
	@$(python) demo/demo.py

test: setup-test engines-all ## unit, integration, sanitizer and short fuzz runs; the last line counts
	@tools/test.sh

bench: setup-run all engines ## all figures of docs/performance.md; tables and build/bench/*.json (args=--small)
	@$(python) tests/bench/all.py $(args)

interop: setup-test all engines ## clients from npm, Debian, PyPI, Maven and Go, recognised as the table says
	@tests/interop/install.sh debian npm pypi sdk moto maven go
	@$(python) -m pytest -p no:cacheprovider -q --tb=short tests/interop

drill-table: setup-test all engines ## docs/clients-at-failover.md: what client libraries do at a failover (root)
	@tests/interop/install.sh debian npm pypi maven go drill
	@$(python) tests/interop/drill/table.py

fuzz: setup-lint ## every fuzz target for `seconds` (60), or for `executions` inputs each
	@tools/fuzz.sh $(if $(executions),$(executions)x,$(seconds))

matrix: setup-test all engines-all ## whole moves between engines of every version, all pairs
	@HANDOVER_MATRIX=all $(python) -m pytest -p no:cacheprovider -q --tb=short tests/integration/test_versions.py

soak: setup-test setup-lint all engines ## moves under load with kills for `seconds`, then `executions` (10,000,000) of each parser of a move
	@$(python) tests/integration/soak.py --seconds $(seconds)
	@tools/fuzz.sh $(or $(executions),10000000)x resp rdb payload spool journal

big: setup-test all engines ## single values of gigabytes, moved and verified within 64 MiB (args=--scale 0.05)
	@$(python) tests/integration/big.py $(args)

fmt: setup-lint ## clang-format over all C files
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs -r clang-format -i

lint: setup-lint ## format, clang-tidy, cppcheck, layering, limits
	@tools/lint.sh

deb: setup-deb all ## build/handover_VERSION_ARCH.deb
	@tools/deb.sh

tarball: setup-tree ## build/handover-VERSION-linux-x86_64.tar.gz, for any Linux with glibc 2.31 (root)
	@tools/tarball.sh

packages: setup-test setup-deb setup-tree all engines deb tarball ## the packages tried in trees of bullseye, bookworm and trixie (root)
	@$(python) -m pytest -p no:cacheprovider -q --tb=short tests/packages

twice: setup-deb setup-tree ## program, package and tarball built twice, elsewhere and otherwise: the same bytes (root)
	@tools/twice.sh deb tarball

docs: all ## the pages made from the command table
	@tools/docs.sh

clean: ## all that was built (the engines stay)
	@rm -rf build build-* .pytest_cache
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
