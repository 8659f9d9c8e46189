# Kinora's everyday commands. Each prepares what it needs on a fresh Debian 12.
#   make         the page and both programs, in build/release/
#   make run     start Kinora with a demo upstream and a first admin
#   make test    the gate: everything that has to hold for every change
.DEFAULT_GOAL := build
.PHONY: build page run test test-full lint format fuzz mutants bench bench-pool bench-page bench-storage deps clean

build: page
	@scripts/build.sh release

page:
	@scripts/setup.sh build
	@scripts/page.sh

run: build
	@scripts/run.sh

test:
	@scripts/setup.sh test
	@scripts/test

test-full:
	@scripts/setup.sh full
	@KINORA_FULL=1 scripts/test

lint:
	@scripts/setup.sh lint
	@scripts/lint.sh

format:
	@scripts/setup.sh lint
	@scripts/format.sh
	@scripts/coverage --write

# make fuzz SECONDS=600 TARGET=http1_request
fuzz:
	@scripts/setup.sh lint
	@scripts/fuzz.sh "$(or $(SECONDS),60)" $(TARGET)

mutants:
	@scripts/setup.sh test
	@scripts/mutants.sh

# make bench WRITE=1 puts the figures into docs/bench.md
bench: build
	@scripts/setup.sh bench
	@bench/run.sh

# The choice of an account, with 10 to 10,000 of them
bench-pool:
	@scripts/setup.sh test
	@scripts/build.sh release bench-pool >/dev/null
	@build/release/bench-pool

# make bench-page WRITE=1 puts the figures into docs/bench-page.md
bench-page: build
	@scripts/setup.sh test
	@bench/page/run.sh

# make bench-storage WRITE=1 puts the figures into docs/bench-storage.md
bench-storage: build
	@scripts/setup.sh full
	@bench/storage/run.sh

deps:
	@scripts/setup.sh full

clean:
	@rm -rf build web/dist web/node_modules/.vite
