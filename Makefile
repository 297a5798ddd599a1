# Two commands matter: `make run` and `make test`. Everything they need comes
# from the Go module proxy; a C compiler is needed for the embedded database.

GO ?= go
BIN := bin
VERSION := 0.1.0
LDFLAGS := -s -w -X main.version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 10s

.PHONY: run build sensor test test-race test-integration chaos chaos-quick lint fuzz bench bench-pipeline fidelity test-live docs sample scorecard clean

run: build
	$(BIN)/lapwing run

build: sensor
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/lapwing ./cmd/lapwing

sensor:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/lapwing-sensor ./cmd/lapwing-sensor

test:
	$(GO) vet ./...
	$(GO) test ./...

# Fewer rounds of the tests that repeat themselves at random: the race
# detector looks at interleavings, not at inputs.
test-race:
	$(GO) test -race -short ./...

lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

# Every fuzz target for FUZZTIME each.
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Compares the parser with what other tools found in the same captures. CORPUS
# names a directory laid out as docs/parse-fidelity.md says.
fidelity:
	@test -n "$(CORPUS)" || { echo "make fidelity CORPUS=DIRECTORY (see docs/parse-fidelity.md)"; exit 2; }
	LAPWING_CORPUS=$(CORPUS) $(GO) test -count=1 -v -run 'Fidelity|Corpus' ./parse/... ./capture/...

# Live capture between network namespaces: needs root, iproute2, tcpdump, nginx, curl.
test-live:
	LAPWING_REQUIRE_NET=1 $(GO) test -count=1 ./capture/live ./capture/filter
	LAPWING_REQUIRE_NET=1 $(GO) test -count=1 -v -run Live ./cmd/lapwing

# Against a real Kafka and a real ClickHouse: those of KAFKA_BROKERS and
# CLICKHOUSE_DSN, else ones that are started for it (needs Java 17 and maven).
integration = $(shell find . -name '*_integration_test.go' | xargs -rn1 dirname | sort -u)
test-integration:
	.ci/with-servers $(GO) test -count=1 -p 2 -timeout 20m -run '^TestIntegration' $(integration)

# Kills and breaks everything while calls run, and counts what arrived. The
# long form takes about an hour; its results go into docs/reliability.md.
chaos:
	LAPWING_CHAOS=long .ci/with-servers $(GO) test -count=1 -v -parallel 2 -timeout 150m -run '^TestChaos' ./internal/chaos

chaos-quick:
	LAPWING_CHAOS=quick .ci/with-servers $(GO) test -count=1 -parallel 2 -timeout 20m -run '^TestChaos' ./internal/chaos

# Calls a second through Kafka into ClickHouse, beside the bare clients.
bench-pipeline:
	.ci/with-servers $(GO) test -count=1 -v -timeout 20m -run '^TestPipelineThroughput$$' ./internal/chaos -args -throughput

docs: build
	$(BIN)/lapwing config reference > docs/configuration.md

# Measures detection on made-up worlds, SEEDS of each scenario and level, and
# writes the page. Thirty seeds take many hours; three take about one.
SEEDS ?= 3
scorecard: build
	$(BIN)/lapwing eval --seeds $(SEEDS) --users 60 --measure 200000 --adaptive 40 -o markdown --reasons docs/scorecard-reasons.md --out docs/scorecard.md

sample:
	$(GO) run ./internal/sample/cmd/makesample -out examples

clean:
	rm -rf $(BIN)
