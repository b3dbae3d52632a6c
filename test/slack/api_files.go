package slack

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxFile = 64 << 20

// File is Slack's file object with the bytes kept aside.
type File struct {
	ID                 string                        `json:"id"`
	Created            int64                         `json:"created"`
	Timestamp          int64                         `json:"timestamp"`
	Name               string                        `json:"name"`
	Title              string                        `json:"title"`
	Mimetype           string                        `json:"mimetype"`
	Filetype           string                        `json:"filetype"`
	PrettyType         string                        `json:"pretty_type"`
	User               string                        `json:"user"`
	UserTeam           string                        `json:"user_team"`
	Editable           bool                          `json:"editable"`
	Size               int                           `json:"size"`
	Mode               string                        `json:"mode"`
	IsExternal         bool                          `json:"is_external"`
	ExternalType       string                        `json:"external_type"`
	IsPublic           bool                          `json:"is_public"`
	PublicURLShared    bool                          `json:"public_url_shared"`
	DisplayAsBot       bool                          `json:"display_as_bot"`
	Username           string                        `json:"username"`
	URLPrivate         string                        `json:"url_private"`
	URLPrivateDownload string                        `json:"url_private_download"`
	Permalink          string                        `json:"permalink"`
	AltText            string                        `json:"alt_txt,omitempty"`
	Preview            string                        `json:"preview,omitempty"`
	CommentsCount      int                           `json:"comments_count"`
	Shares             map[string]map[string][]Share `json:"shares"`
	Channels           []string                      `json:"channels"`
	Groups             []string                      `json:"groups"`
	IMs                []string                      `json:"ims"`
	HasRichPreview     bool                          `json:"has_rich_preview"`
	FileAccess         string                        `json:"file_access"`
	data               []byte
	uploaded           bool
	complete           bool
}

// Share says where a file was shown.
type Share struct {
	TS          string `json:"ts"`
	ThreadTS    string `json:"thread_ts,omitempty"`
	ChannelName string `json:"channel_name"`
	TeamID      string `json:"team_id"`
	ShareUserID string `json:"share_user_id"`
}

var fileTypes = map[string][2]string{
	".txt": {"text", "text/plain"}, ".log": {"text", "text/plain"}, ".md": {"markdown", "text/plain"},
	".json": {"json", "application/json"}, ".yaml": {"yaml", "text/plain"}, ".yml": {"yaml", "text/plain"},
	".csv": {"csv", "text/csv"}, ".png": {"png", "image/png"}, ".svg": {"svg", "image/svg+xml"},
	".diff": {"diff", "text/plain"}, ".pdf": {"pdf", "application/pdf"},
}

func (s *Server) filesGetUploadURL(a args) (reply, error) {
	name := a.str("filename")
	size, err := strconv.Atoi(a.str("length"))
	if name == "" || err != nil || size <= 0 {
		return nil, refuse("invalid_arguments")
	}
	if size > maxFile {
		return nil, refuse("file_upload_size_restricted")
	}
	kind, ok := fileTypes[strings.ToLower(filepath.Ext(name))]
	if !ok {
		kind = [2]string{"binary", "application/octet-stream"}
	}
	now := s.cfg.Now().Unix()
	f := &File{
		ID: s.id("F"), Created: now, Timestamp: now, Name: name, Title: name, Filetype: kind[0], Mimetype: kind[1],
		PrettyType: strings.ToUpper(kind[0]), User: s.ws.bot.UserID, UserTeam: s.ws.team.ID, Size: size, Mode: "hosted",
		IsPublic: true, AltText: a.str("alt_txt"), FileAccess: "visible",
		Shares: map[string]map[string][]Share{}, Channels: []string{}, Groups: []string{}, IMs: []string{},
	}
	f.URLPrivate = fmt.Sprintf("%s/files-pri/%s-%s/%s", s.base, s.ws.team.ID, f.ID, name)
	f.URLPrivateDownload = f.URLPrivate
	f.Permalink = fmt.Sprintf("https://%s.slack.com/files/%s/%s/%s", s.ws.team.Domain, f.User, f.ID, name)
	s.ws.files[f.ID] = f
	return reply{"upload_url": s.base + "/upload/" + f.ID, "file_id": f.ID}, nil
}

// serveUpload takes the bytes, raw or as the first part of a form.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	data, err := readUpload(r)
	s.mu.Lock()
	call := Call{Method: "upload", Time: s.cfg.Now(), Status: http.StatusOK, OK: true}
	f := s.ws.files[r.PathValue("id")]
	fault := s.strike("upload", "")
	text := fmt.Sprintf("OK - %d", len(data))
	switch {
	case fault != nil && fault.Kind != "delay" && fault.Kind != "drop_after_accept":
		call.Status, text = http.StatusInternalServerError, fault.Kind
	case f == nil || f.complete:
		call.Status, text = http.StatusNotFound, "no such upload"
	case err != nil:
		call.Status, text = http.StatusBadRequest, err.Error()
	case len(data) != f.Size:
		call.Status, text = http.StatusBadRequest, fmt.Sprintf("%d bytes came, %d were announced", len(data), f.Size)
		s.violate("bad_request", "upload: "+text)
	default:
		f.data, f.uploaded = data, true
		if strings.HasPrefix(f.Mimetype, "text/") {
			f.Preview = truncate(string(data), 1000)
		}
	}
	if call.Status != http.StatusOK {
		call.OK, call.Error = false, text
	}
	if fault != nil {
		call.Fault = fault.Kind
	}
	s.log.add(call)
	s.mu.Unlock()
	s.send(w, r, served{call: call, body: []byte(text), fault: fault, kind: "text/plain"})
}

func readUpload(r *http.Request) ([]byte, error) {
	body := http.MaxBytesReader(nil, r.Body, maxFile+1<<20)
	r.Body = body
	form, err := r.MultipartReader()
	if err != nil { // not a form: the body is the file
		return io.ReadAll(body)
	}
	for {
		part, err := form.NextPart()
		if err != nil {
			return nil, fmt.Errorf("a form without a file: %w", err)
		}
		if part.FileName() != "" || part.FormName() == "file" {
			return io.ReadAll(part)
		}
	}
}

func (s *Server) filesComplete(a args) (reply, error) {
	var refs []struct{ ID, Title string }
	if err := a.decode("files", &refs); err != nil || len(refs) == 0 {
		return nil, refuse("invalid_arguments")
	}
	var files []*File
	for _, ref := range refs {
		f := s.ws.files[ref.ID]
		if f == nil || !f.uploaded || f.complete {
			return nil, refuse("file_not_found")
		}
		if ref.Title != "" {
			f.Title = ref.Title
		}
		files = append(files, f)
	}
	ids := a.list("channels")
	if id := a.str("channel_id"); id != "" {
		ids = []string{id}
	}
	for _, id := range ids {
		c := s.ws.channel(id)
		switch {
		case c == nil:
			return nil, refuse("channel_not_found")
		case c.IsArchived:
			return nil, refuse("is_archived")
		case !c.BotIsMember:
			return nil, refuse("not_in_channel")
		}
	}
	body, err := s.readContent(args{"text": a.str("initial_comment"), "blocks": a["blocks"]})
	if err != nil {
		return nil, err
	}
	out := []map[string]any{}
	for _, f := range files {
		f.complete = true
		out = append(out, map[string]any{"id": f.ID, "title": f.Title})
	}
	thread := a.str("thread_ts")
	s.spawn(func() { s.share(files, ids, body, thread) })
	return reply{"files": out}, nil
}

// share shows the files a moment after the call that completed them, as Slack does.
func (s *Server) share(files []*File, channels []string, body content, thread string) {
	t := time.NewTimer(s.cfg.ShareDelay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range channels {
		c := s.ws.channel(id)
		if c == nil || c.IsArchived {
			continue
		}
		m := s.botMessage(body)
		m.Files = files
		if s.place(c, m, thread, false) != nil { // the thread is gone: Slack shows it in the channel
			_ = s.place(c, m, "", false)
		}
		for _, f := range files {
			f.shareIn(c, m, s.ws.team.ID)
		}
		s.feed.publish(Change{Type: "message_changed", Channel: c.ID, TS: m.TS, ThreadTS: m.ThreadTS})
	}
}

// shareIn records where f is shown.
func (f *File) shareIn(c *channel, m *Message, team string) {
	kind := "public"
	if c.IsIM {
		kind = "private"
		f.IMs = append(f.IMs, c.ID)
	} else {
		f.Channels = append(f.Channels, c.ID)
	}
	if f.Shares[kind] == nil {
		f.Shares[kind] = map[string][]Share{}
	}
	f.Shares[kind][c.ID] = append(f.Shares[kind][c.ID], Share{
		TS: m.TS, ThreadTS: m.ThreadTS, ChannelName: c.Name, TeamID: team, ShareUserID: f.User,
	})
}

func (s *Server) filesInfo(a args) (reply, error) {
	f := s.ws.files[a.str("file")]
	if f == nil || !f.complete {
		return nil, refuse("file_not_found")
	}
	return reply{"file": f, "comments": []any{}, "response_metadata": map[string]any{"next_cursor": ""}}, nil
}

func (s *Server) filesList(a args) (reply, error) {
	all := []*File{}
	for _, f := range s.ws.files {
		ch := a.str("channel")
		in := ch == "" || slices.Contains(f.Channels, ch) || slices.Contains(f.IMs, ch)
		if f.complete && in && (a.str("user") == "" || a.str("user") == f.User) {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(x, y *File) int { return strings.Compare(y.ID, x.ID) })
	size, n := a.count("count", 100, 1000), a.count("page", 1, 100)
	from := min((n-1)*size, len(all))
	list := all[from:min(from+size, len(all))]
	return reply{"files": list, "paging": map[string]any{
		"count": size, "total": len(all), "page": n, "pages": (len(all) + size - 1) / size,
	}}, nil
}

func (s *Server) filesDelete(a args) (reply, error) {
	f := s.ws.files[a.str("file")]
	if f == nil || !f.complete {
		return nil, refuse("file_not_found")
	}
	delete(s.ws.files, f.ID)
	for _, c := range s.ws.channels {
		for _, m := range c.msgs {
			if slices.Contains(m.Files, f) {
				m.Files = slices.DeleteFunc(slices.Clone(m.Files), func(x *File) bool { return x == f })
				s.feed.publish(Change{Type: "message_changed", Channel: c.ID, TS: m.TS, ThreadTS: m.ThreadTS})
			}
		}
	}
	return nil, nil
}

func (s *Server) servePrivateFile(w http.ResponseWriter, r *http.Request) {
	_, id, _ := strings.Cut(r.PathValue("id"), "-")
	s.mu.Lock()
	allowed := s.auth.check(tokenOf(r, nil), method{scope: "files:read"}) == nil
	s.mu.Unlock()
	if !allowed { // Slack shows its sign-in page instead of an error
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Sign in to Slack</title>")
		return
	}
	s.serveFile(w, id)
}

func (s *Server) serveFile(w http.ResponseWriter, id string) {
	s.mu.Lock()
	f := s.ws.files[id]
	var data []byte
	var kind string
	if f != nil {
		data, kind = f.data, f.Mimetype
	}
	s.mu.Unlock()
	if f == nil {
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(data) // the client may have left
}
