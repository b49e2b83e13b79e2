// Package apachekafka runs Apache Kafka on the volumes of an embedded
// cluster: brokers and controllers as Java processes on loopback, with a
// stand-in for the operator that makes their claims.
package apachekafka

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Version is the Apache Kafka that is fetched; pom.xml has it too.
const Version = "4.3.1"

//go:embed pom.xml
var pom []byte

// release is an Apache Kafka that Maven has.
type release struct {
	version string
	pom     []byte
	home    string // environment variable that names an installed one; empty: none does
}

var newest = release{version: Version, pom: pom, home: "KAFKA_HOME"}

// log4j sends what Kafka logs to its standard output.
const log4j = `appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
`

// Install is an Apache Kafka that can be run.
type Install struct {
	java  string
	libs  string // folder of the jars
	log4j string // file
}

// Find returns the Kafka of the environment variable KAFKA_HOME, else the one
// that it fetches through Maven into the user's cache (54 MB, once). The error
// says what is missing.
func Find(ctx context.Context) (*Install, error) { return newest.find(ctx) }

func (r release) find(ctx context.Context) (*Install, error) {
	java, err := findJava(ctx)
	if err != nil {
		return nil, err
	}
	libs, err := r.cached()
	if err != nil {
		return nil, err
	}
	i := &Install{java: java, libs: libs}
	i.log4j = i.libs + ".log4j2.properties"
	if home := os.Getenv(r.home); home != "" {
		i.libs = filepath.Join(home, "libs")
		if _, err := os.Stat(i.libs); err != nil {
			return nil, fmt.Errorf("%s has no Kafka: %w", r.home, err)
		}
	} else if err := r.fetch(ctx, i.libs); err != nil {
		return nil, err
	}
	if err := os.WriteFile(i.log4j, []byte(log4j), 0o644); err != nil {
		return nil, fmt.Errorf("set up Kafka's log: %w", err)
	}
	return i, nil
}

// Missing says what keeps Find from succeeding, without fetching anything.
func Missing(ctx context.Context) error {
	if _, err := findJava(ctx); err != nil {
		return err
	}
	if Fetched() {
		return nil
	}
	return findMaven()
}

// cached is the folder that the jars of the release's pom are fetched to.
func (r release) cached() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for Kafka, set XDG_CACHE_HOME: %w", err)
	}
	sum := sha256.Sum256(r.pom)
	return filepath.Join(base, "snapback-e2e", "kafka-"+r.version+"-"+hex.EncodeToString(sum[:4])), nil
}

// Fetched reports whether Find has nothing to fetch.
func Fetched() bool {
	libs, err := newest.cached()
	if err != nil || os.Getenv(newest.home) != "" {
		return err == nil
	}
	_, err = os.Stat(libs)
	return err == nil
}

func findMaven() error {
	if _, err := exec.LookPath("mvn"); err != nil {
		return fmt.Errorf("no Maven (mvn) is found: install it, or set KAFKA_HOME to an Apache Kafka %s", Version)
	}
	return nil
}

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// findJava returns the java program, of Java 17 or newer.
func findJava(ctx context.Context) (string, error) {
	java, err := exec.LookPath("java")
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java, err = exec.LookPath(filepath.Join(home, "bin", "java"))
	}
	if err != nil {
		return "", errors.New("no Java is found, 17 or newer is needed: install it, or set JAVA_HOME")
	}
	out, err := exec.CommandContext(ctx, java, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", java, err)
	}
	found := javaVersion.FindSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("%s does not tell its version: %s", java, out)
	}
	if major, err := strconv.Atoi(string(found[1])); err != nil || major < 17 {
		return "", fmt.Errorf("%s is Java %s, Java 17 is needed: set JAVA_HOME", java, found[1])
	}
	return java, nil
}

// fetch copies the jars into a folder, unless they are there.
func (r release) fetch(ctx context.Context, libs string) error {
	if _, err := os.Stat(libs); err == nil {
		return nil
	}
	if err := findMaven(); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "snapback-kafka-*")
	if err != nil {
		return fmt.Errorf("make a folder to fetch Kafka in: %w", err)
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // a folder of temporary files
	if err := os.WriteFile(filepath.Join(tmp, "pom.xml"), r.pom, 0o644); err != nil {
		return fmt.Errorf("write the pom: %w", err)
	}
	part := fmt.Sprintf("%s.%d", libs, os.Getpid())
	defer os.RemoveAll(part) //nolint:errcheck // gone after the rename
	cmd := exec.CommandContext(ctx, "mvn", "-B", "-q", "-f", tmp, "dependency:copy-dependencies", "-DoutputDirectory="+part)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch Kafka %s through Maven: %w\n%s", r.version, err, tail(string(out), 15))
	}
	if err := os.Rename(part, libs); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("keep Kafka: %w", err)
	}
	return nil
}

// Tool runs a class of Kafka's with arguments, and returns what it prints.
func (i *Install) Tool(ctx context.Context, class string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, i.java, append(i.flags("-Xmx128m", "-Dlog4j2.level=ERROR"), append([]string{class}, args...)...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run %s %s: %w\n%s", class, strings.Join(args, " "), err, tail(string(out), 15))
	}
	return string(out), nil
}

// flags are for programs that live for seconds: small, and quick to start.
func (i *Install) flags(more ...string) []string {
	return append(more, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Dlog4j2.configurationFile="+i.log4j, "-cp", filepath.Join(i.libs, "*"))
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
