package arch_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one of a Dockerfile: FROM, RUN, … with what follows it in one line.
type instruction struct{ name, rest string }

// dockerfile reads a Dockerfile into its stages; the first has what stands before the first FROM.
func dockerfile(text string) (stages [][]instruction) {
	stages = [][]instruction{nil}
	var joined strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if more, ok := strings.CutSuffix(line, `\`); ok {
			joined.WriteString(more)
			continue
		}
		joined.WriteString(line)
		name, rest, _ := strings.Cut(joined.String(), " ")
		joined.Reset()
		i := instruction{strings.ToUpper(name), strings.TrimSpace(rest)}
		if i.name == "FROM" {
			stages = append(stages, nil)
		}
		stages[len(stages)-1] = append(stages[len(stages)-1], i)
	}
	return stages
}

var (
	pinnedRE = regexp.MustCompile(`^(--platform=\S+ )?\S+:\d+\.\d+\.\d+(-\w+)?(@sha256:[0-9a-f]{64})?( AS \w+)?$`)
	numberRE = regexp.MustCompile(`^\d+:\d+$`)
	labels   = []string{"org.opencontainers.image.title", "org.opencontainers.image.source", "org.opencontainers.image.licenses", "org.opencontainers.image.version"}
)

// lint says what is wrong with a Dockerfile, by the rules that we keep: a pinned base to build on, nothing fetched by ADD, and a last stage from
// nothing: no shell, no package manager, a number for a user that is not root, labels.
func lint(text string) (problems []string) {
	bad := func(p string) { problems = append(problems, p) }
	stages := dockerfile(text)
	defaults := map[string]string{}
	for n, stage := range stages {
		for _, i := range stage {
			switch i.name {
			case "ARG":
				if name, value, ok := strings.Cut(i.rest, "="); ok {
					defaults[name] = value
				}
			case "ADD":
				bad("ADD " + i.rest + ": COPY copies, and nothing is fetched")
			case "FROM":
				if base := i.rest; base != "scratch" && !pinnedRE.MatchString(base) {
					bad("FROM " + base + ": the base is not pinned to a whole version")
				}
			case "RUN":
				if n == len(stages)-1 {
					bad("RUN in the last stage needs a shell there")
				}
				if strings.Contains(i.rest, "sudo ") || strings.Contains(i.rest, "| sh") || strings.Contains(i.rest, "|sh") {
					bad("RUN " + i.rest + ": sudo, or a script from a pipe")
				}
			case "ENTRYPOINT", "CMD":
				if !strings.HasPrefix(i.rest, "[") {
					bad(i.name + " " + i.rest + ": without [brackets] it needs a shell")
				}
			}
		}
	}
	last, user, found := stages[len(stages)-1], "", ""
	for _, i := range last {
		switch i.name {
		case "FROM":
			if i.rest != "scratch" {
				bad("the last stage is FROM " + i.rest + ", and scratch is wanted")
			}
		case "USER":
			user = i.rest
		case "LABEL":
			found += i.rest + " "
		}
	}
	if name, ok := strings.CutPrefix(user, "$"); ok {
		user = defaults[name]
	}
	if !numberRE.MatchString(user) || strings.HasPrefix(user, "0:") {
		bad("USER is " + user + ", and a number that is not root is wanted")
	}
	for _, l := range labels {
		if !strings.Contains(found, l+"=") {
			bad("there is no LABEL " + l)
		}
	}
	return problems
}

func TestDockerfile(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	text := read("deploy/Dockerfile")
	for _, p := range lint(text) {
		t.Error(p)
	}
	// The same program as deploy/image builds: by the same flags, but for how each names the version and the architecture.
	build := read("deploy/image/build.go")
	for _, flag := range []string{"-trimpath", "-buildvcs=false", "-s -w -buildid= -X main.version=", "CGO_ENABLED=0", "GOOS=linux", "65532:65532"} {
		if !strings.Contains(text, flag) || !strings.Contains(build, flag) {
			t.Errorf("%q is not in both of deploy/Dockerfile and deploy/image", flag)
		}
	}
	for _, m := range regexp.MustCompile(`main\.version=\S*`).FindAllString(text, -1) {
		if !strings.HasPrefix(m, "main.version=$VERSION") {
			t.Errorf("%s is not the version that was asked for", m)
		}
	}
	toolchain := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read("go.mod"))
	if len(toolchain) != 2 || !strings.Contains(text, "golang:"+toolchain[1]+".") {
		t.Errorf("deploy/Dockerfile builds with another Go than go.mod asks for, %v", toolchain)
	}
}

// TestLintFinds holds that each rule is kept: a Dockerfile without a fault, and one change at a time.
func TestLintFinds(t *testing.T) {
	labelled := "LABEL " + strings.Join(labels, "=x ") + "=x\n"
	good := "ARG AS=65532:65532\nFROM golang:1.26.8-bookworm AS build\nRUN go build \\\n  -o /out\nFROM scratch\nARG AS\nCOPY --from=build /out /\n" + labelled + "USER $AS\nENTRYPOINT [\"/p\"]\n"
	if got := lint(good); len(got) > 0 {
		t.Errorf("a good one: %q", got)
	}
	for change, want := range map[[2]string]string{
		{"golang:1.26.8-bookworm", "golang:latest"}:  "not pinned",
		{"golang:1.26.8-bookworm", "golang"}:         "not pinned",
		{"COPY --from", "ADD https://x.y/z /\nCOPY"}: "nothing is fetched",
		{"FROM scratch", "FROM alpine:3.22.1"}:       "scratch is wanted",
		{"USER $AS", "USER nonroot"}:                 "USER is nonroot",
		{"USER $AS", ""}:                             "USER is ,",
		{"65532:65532", "0:0"}:                       "USER is 0:0",
		{`["/p"]`, "/p"}:                             "needs a shell",
		{"USER $AS", "USER $AS\nRUN ls"}:             "RUN in the last stage",
		{"go build", "curl x | sh"}:                  "a script from a pipe",
		{labelled, ""}:                               "no LABEL org.opencontainers.image.title",
	} {
		got := lint(strings.Replace(good, change[0], change[1], 1))
		if !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("%q for %q: %q, want %q", change[1], change[0], got, want)
		}
	}
}
