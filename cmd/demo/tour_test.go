package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// journal is what happened in steps that only write it down.
type journal struct{ did []string }

func (j *journal) does(what string) func(context.Context) error {
	return func(context.Context) error { j.did = append(j.did, what); return nil }
}

// step is one that is seen once done is true.
func (j *journal) step(name string, done *bool) step {
	return step{
		name: name, tell: "do `" + name + "`", look: "/?user=ana", within: time.Minute,
		begin: j.does("begin " + name),
		act:   func(context.Context) error { j.did = append(j.did, "act "+name); *done = true; return nil },
		seen: func(ctx context.Context) (string, error) {
			for !*done {
				select {
				case <-ctx.Done():
					return "", errors.New("it was quiet instead")
				case <-time.After(time.Second):
				}
			}
			return "saw " + name, nil
		},
	}
}

func TestPlaysAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var out bytes.Buffer
		var one, two bool
		tr := newTour(&out)
		tr.plan([]step{j.step("one", &one), j.step("two", &two)})
		if err := tr.play(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"begin one", "act one", "begin two", "act two"}; !slices.Equal(j.did, want) {
			t.Errorf("did %q, want %q", j.did, want)
		}
		for _, want := range []string{"Step 1 of 2: one\n    saw one\n", "Step 2 of 2: two\n    saw two\n", "All 2 steps were seen"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("it does not print %q:\n%s", want, out.String())
			}
		}
	})
}

func TestPlayingAloneSaysWhichStepWasNotSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var never, after bool
		blind := j.step("blind", &never)
		blind.act = nil
		tr := newTour(io.Discard)
		tr.plan([]step{blind, j.step("after", &after)})
		err := tr.play(t.Context())
		if err == nil || !strings.Contains(err.Error(), "step 1 of 2, blind: it was quiet instead") {
			t.Errorf("error %v, want the step and what was seen instead", err)
		}
		if slices.Contains(j.did, "begin after") {
			t.Error("it went on after a step that was not seen")
		}
	})
}

// A visitor who does a step moves the tour on; one who asks to go on has it done for them; where there is nothing to do it waits to be read.
func TestGuides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var mine, theirs bool
		look := true
		watch := j.step("look", &look)
		watch.act = nil
		tr := newTour(io.Discard)
		tr.plan([]step{j.step("mine", &mine), j.step("theirs", &theirs), watch})
		ended := make(chan error, 1)
		go func() { ended <- tr.guide(t.Context()) }()
		stands := func(step int, status string) {
			t.Helper()
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if s := tr.shown(); s.Current != step || s.Steps[step].Status != status {
				t.Fatalf("it is at step %d, %+v; want step %d, %q", s.Current, s.Steps, step, status)
			}
		}
		stands(0, stepYours)
		time.Sleep(time.Hour) // nobody hurries them
		stands(0, stepYours)
		mine = true
		stands(1, stepYours)
		tr.press()
		tr.press()
		stands(2, stepLook)
		tr.press()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if want := []string{"begin mine", "begin theirs", "act theirs", "begin look"}; !slices.Equal(j.did, want) {
			t.Errorf("did %q, want %q", j.did, want)
		}
		if s := tr.shown(); !s.Over || s.Steps[0].Saw != "saw mine" {
			t.Errorf("in the end the page shows %+v", s)
		}
	})
}

func TestGuideTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var late bool
		watch := j.step("late", &late)
		watch.act = nil
		tr := newTour(io.Discard)
		tr.plan([]step{watch})
		ended := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- tr.guide(ctx) }()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := tr.shown(); s.Steps[0].Status != stepFailed || s.Steps[0].Saw != "it was quiet instead" {
			t.Fatalf("after its time the step is %+v", s.Steps[0])
		}
		late = true
		tr.press()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := tr.shown(); s.Steps[0].Status != stepLook {
			t.Fatalf("tried again the step is %+v", s.Steps[0])
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended by the visitor, it says %v", err)
		}
	})
}

func TestPage(t *testing.T) {
	tr := newTour(io.Discard)
	var j journal
	var done bool
	second := j.step("two", &done)
	second.look = ""
	tr.plan([]step{j.step("one", &done), second})
	tr.say("starting postgres")
	server := httptest.NewServer(tr.handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the workspace") })))
	defer server.Close()
	get := func(path string) (string, http.Header) {
		t.Helper()
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", path, resp.Status, err)
		}
		return string(body), resp.Header
	}
	if body, _ := get("/"); body != "the workspace" {
		t.Errorf("beside the tour is %q", body)
	}
	page, header := get("/tour/")
	if header.Get("Content-Security-Policy") != tourPolicy {
		t.Errorf("policy %q", header.Get("Content-Security-Policy"))
	}
	for _, part := range []string{"tour.js", "tour.css"} {
		if body, _ := get("/tour/" + part); !strings.Contains(page, part) || body == "" {
			t.Errorf("the page has no %s", part)
		}
	}
	var s shownTour
	body, _ := get("/tour/state")
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Steps) != 2 || s.Note != "starting postgres" || s.Steps[1].Look != "/?user=ana" || s.Steps[0].Tell != "do `one`" {
		t.Errorf("the page is told %+v", s)
	}
	resp, err := http.Post(server.URL+"/tour/next", "", nil)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatalf("next: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	select {
	case <-tr.next:
	default:
		t.Error("next was not heard")
	}
}

func TestFitting(t *testing.T) {
	names := []string{"agriculture", "automotive", "energy", "retail", "travel"}
	for _, c := range []struct {
		cores int
		free  int64
		want  string
	}{
		{2, 22 << 30, "retail travel"},
		{4, 22 << 30, "retail travel energy agriculture"},
		{64, 22 << 30, "retail travel energy agriculture automotive"},
		{8, 4608 << 20, "retail travel energy"},
		{1, 1 << 30, "retail travel"},
	} {
		if got := strings.Join(fitting(names, c.cores, c.free), " "); got != c.want {
			t.Errorf("%d cores and %d MiB: %s, want %s", c.cores, c.free>>20, got, c.want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"-scenario nonsense", "there is no scenario"},
		{"-scenario full -kubeconfig x", "a cluster and savings of its own"},
		{"-scenario full -savings", "a cluster and savings of its own"},
		{"-scenario full -mode kwok", "takes root on Linux"},
		{"-mode moon", "not one of auto"},
		{"more", "takes no argument"},
		{"-name ../../etc", "small letters, digits and dashes"},
	} {
		var errs bytes.Buffer
		if _, err := parse(strings.Fields(c.args), &errs); err == nil || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%s: %v, %q; want %q", c.args, err, errs.String(), c.says)
		}
	}
	if o, err := parse(nil, io.Discard); err != nil || o.scenario != "crash" {
		t.Errorf("without flags: %+v, %v; want the quick one", o, err)
	}
}

func TestWhatIsReadOfAThread(t *testing.T) {
	if got := lastMessage("a\n----\nb"); got != "b" {
		t.Errorf("the last message is %q", got)
	}
}
