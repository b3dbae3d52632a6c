package slack_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/slack"
)

func TestUploadInThreeSteps(t *testing.T) {
	s := start(t, slack.Config{ShareDelay: 300 * time.Millisecond})
	parent := must(t, call(t, s, "chat.postMessage", params{"channel": "C01INCIDENTS", "text": "card"})).str("ts")
	const log = "FATAL: cannot connect to db:5432\n"
	upload := func(kind, body string) (id string) {
		t.Helper()
		a := must(t, form(t, s, "files.getUploadURLExternal", params{"filename": "checkout.log", "length": len(log)}))
		if early := call(t, s, "files.completeUploadExternal", params{
			"files": []any{map[string]any{"id": a.str("file_id")}}, "channel_id": "C01INCIDENTS",
		}).err(); early != "file_not_found" {
			t.Errorf("completed before the bytes came: %q", early)
		}
		if got := post(t, a.str("upload_url"), "", kind, body); got.status != 200 {
			t.Fatalf("upload: HTTP %d", got.status)
		}
		return a.str("file_id")
	}
	var multi bytes.Buffer
	w := multipart.NewWriter(&multi)
	part, err := w.CreateFormFile("file", "checkout.log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte(log)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	upload(w.FormDataContentType(), multi.String())
	id := upload("application/octet-stream", log)

	must(t, call(t, s, "files.completeUploadExternal", params{
		"files": []any{map[string]any{"id": id, "title": "Last lines"}}, "channel_id": "C01INCIDENTS",
		"thread_ts": parent, "initial_comment": "The last lines",
	}))
	info := must(t, call(t, s, "files.info", params{"file": id}))
	if info.str("file", "title") != "Last lines" || info.at("file", "shares", "public") != nil {
		t.Errorf("right after completion: %v, want no share yet", info.body)
	}
	eventually(t, s, "the share", func() bool {
		thread, err := s.Control().Thread(t.Context(), "incidents", parent, "")
		return err == nil && len(thread) == 2 && thread[1].Text == "The last lines" && len(thread[1].Files) == 1
	})
	info = must(t, call(t, s, "files.info", params{"file": id}))
	if info.str("file", "shares", "public", "C01INCIDENTS", 0, "thread_ts") != parent {
		t.Errorf("shares = %v", info.at("file", "shares"))
	}
	if n := len(must(t, call(t, s, "files.list", params{"channel": "C01INCIDENTS"})).list("files")); n != 1 {
		t.Errorf("%d files listed, want the completed one", n)
	}
	if raw, err := s.Control().File(t.Context(), id); err != nil || string(raw) != log {
		t.Errorf("bytes %q, %v", raw, err)
	}
	for token, want := range map[string]string{s.BotToken(): log, "xoxb-other": "<!DOCTYPE html>"} {
		req, err := http.NewRequest("GET", info.str("file", "url_private"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || !strings.HasPrefix(string(raw), want) {
			t.Errorf("url_private with %.8s: %q, %v", token, raw, err)
		}
	}
	must(t, call(t, s, "files.delete", params{"file": id}))
	if got := call(t, s, "files.info", params{"file": id}).err(); got != "file_not_found" {
		t.Errorf("a deleted file: %q", got)
	}
}

func TestUploadRefusals(t *testing.T) {
	s := start(t, slack.Config{})
	a := must(t, call(t, s, "files.getUploadURLExternal", params{"filename": "a.txt", "length": 5}))
	for body, want := range map[string]int{"four": 400, "fives": 200} {
		if got := post(t, a.str("upload_url"), "", "text/plain", body); got.status != want {
			t.Errorf("%q for five bytes: HTTP %d, want %d", body, got.status, want)
		}
	}
	if got := post(t, s.URL()+"/upload/F404", "", "text/plain", "x"); got.status != 404 {
		t.Errorf("an unknown upload: HTTP %d", got.status)
	}
	complete := func(channel string) string {
		return call(t, s, "files.completeUploadExternal", params{
			"files": `[{"id":"` + a.str("file_id") + `"}]`, "channel_id": channel,
		}).err()
	}
	for channel, want := range map[string]string{"C404": "channel_not_found", "C01GENERAL": "not_in_channel"} {
		if got := complete(channel); got != want {
			t.Errorf("into %s: %q, want %q", channel, got, want)
		}
	}
	if got := call(t, s, "files.getUploadURLExternal", params{"filename": "a.txt", "length": 0}).err(); got != "invalid_arguments" {
		t.Errorf("an empty file: %q", got)
	}
	if got := strings.Join(violations(t, s), ","); got != "bad_request,bad_request" {
		t.Errorf("violations %s", got)
	}
}
