package github

import (
	"encoding/json"
	"net/http"
)

// routeControl is the control API: what the Go methods do, for who is not in this process. Everything is a POST of JSON that
// answers {"ok":true}, or 409 and {"error":"…"}; GET shows state, calls, deliveries and an app's key.
func (s *Server) routeControl() {
	type who struct {
		Repo, Login, Method, Event, Body string
		Number                           int
	}
	for path, h := range map[string]http.HandlerFunc{
		"repos": acting(s.CreateRepo),
		"users": acting(func(u User) error { s.AddUser(u); return nil }),
		"push": acting(func(in struct {
			Repo, Login string
			Push
		},
		) error {
			_, err := s.Push(in.Repo, in.Login, in.Push)
			return err
		}),
		"branches/delete": acting(func(in struct{ Repo, Login, Branch string }) error {
			return s.DeleteBranch(in.Repo, in.Login, in.Branch)
		}),
		"merge":   acting(func(in who) error { return s.Merge(in.Repo, in.Login, in.Number, in.Method) }),
		"close":   acting(func(in who) error { return s.ClosePull(in.Repo, in.Login, in.Number) }),
		"reopen":  acting(func(in who) error { return s.Reopen(in.Repo, in.Login, in.Number) }),
		"review":  acting(func(in who) error { return s.Review(in.Repo, in.Login, in.Number, in.Event, in.Body) }),
		"comment": acting(func(in who) error { return s.Comment(in.Repo, in.Login, in.Number, in.Body) }),
		"check": acting(func(in struct{ Repo, Ref, Name, Conclusion string }) error {
			return s.SetCheck(in.Repo, in.Ref, in.Name, in.Conclusion)
		}),
		"status": acting(func(in struct{ Repo, Ref, Context, State string }) error {
			return s.SetStatus(in.Repo, in.Ref, in.Context, in.State)
		}),
		"protect": acting(func(in struct {
			Repo, Branch string
			Protection   *Protection
		},
		) error {
			return s.Protect(in.Repo, in.Branch, in.Protection)
		}),
		"archive": acting(func(in struct {
			Repo     string
			Archived bool
		},
		) error {
			return s.Archive(in.Repo, in.Archived)
		}),
		"access": acting(func(in struct{ Repo, Login, Role string }) error { return s.SetAccess(in.Repo, in.Login, in.Role) }),
		"permission": acting(func(in struct{ App, Owner, Permission, Level string }) error {
			return s.SetPermission(in.App, in.Owner, in.Permission, in.Level)
		}),
		"suspend": acting(func(in struct {
			App, Owner string
			Suspended  bool
		},
		) error {
			return s.Suspend(in.App, in.Owner, in.Suspended)
		}),
		"expire":    acting(func(in struct{ Logins []string }) error { s.ExpireTokens(in.Logins...); return nil }),
		"exhaust":   acting(func(in struct{ Login string }) error { s.Exhaust(in.Login); return nil }),
		"faults":    acting(s.Fault),
		"hooks":     acting(func(h Hook) error { s.AddHook(h); return nil }),
		"lose":      acting(func(in struct{ N int }) error { s.LoseHooks(in.N); return nil }),
		"redeliver": acting(func(in struct{ ID string }) error { return s.Redeliver(in.ID) }),
	} {
		s.web.HandleFunc("POST /_control/"+path, h)
	}
	s.web.HandleFunc("DELETE /_control/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		say(w, http.StatusOK, obj{"ok": true})
	})
	s.web.HandleFunc("GET /_control/state", func(w http.ResponseWriter, _ *http.Request) {
		repos := obj{}
		for _, name := range s.Repos() {
			repos[name] = obj{"pulls": append([]Pull{}, s.Pulls(name)...), "branches": s.Branches(name)}
		}
		say(w, http.StatusOK, obj{"repos": repos})
	})
	s.web.HandleFunc("GET /_control/calls", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, obj{"calls": s.Calls()}) })
	s.web.HandleFunc("GET /_control/deliveries", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, obj{"deliveries": s.Deliveries()})
	})
	s.web.HandleFunc("GET /_control/key", func(w http.ResponseWriter, r *http.Request) {
		say(w, http.StatusOK, obj{"key": s.AppKey(r.URL.Query().Get("app"))})
	})
}

// acting reads what is to be done, and says whether it was.
func acting[T any](do func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			say(w, http.StatusBadRequest, obj{"error": err.Error()})
			return
		}
		if err := do(in); err != nil {
			say(w, http.StatusConflict, obj{"error": err.Error()})
			return
		}
		say(w, http.StatusOK, obj{"ok": true})
	}
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that has gone away cannot be told so
}
