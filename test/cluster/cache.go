package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Programs that other versions of the source were built into are kept while they may be wanted again: the newest, for going to and
// fro between two branches, and what was used not long ago.
const (
	keepNewest = 2
	keepUsed   = 7 * 24 * time.Hour
)

// The files of a folder of programs beside them. Who builds locks the one for himself, who uses them locks the other with all who do;
// its time is that of the last use.
const (
	buildLock = ".lock"
	useLock   = ".used"
)

// lockFolder makes a folder of programs and waits until nobody else builds in it, or removes it.
func lockFolder(ctx context.Context, dir string) (unlock func(), err error) {
	path := filepath.Join(dir, buildLock)
	for {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		file, unlock, err := lockFile(ctx, path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed just now
		}
		if err != nil {
			return nil, fmt.Errorf("wait for another build: %w", err)
		}
		if sameFile(file, path) {
			return unlock, nil
		}
		unlock() // what we waited for was removed with its folder
	}
}

func sameFile(file *os.File, path string) bool {
	ours, err := file.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(ours, now)
}

// hold keeps a folder of programs from being removed until release is called or this process ends.
func hold(dir string, now time.Time) (release func(), err error) {
	path := filepath.Join(dir, useLock)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(syscall.Flock(int(file.Fd()), syscall.LOCK_SH), os.Chtimes(path, now, now)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { file.Close() }, nil
}

// prune removes the folders of programs that nobody is likely to want again, but none that is built in or used. What cannot be
// removed is left, and said.
func prune(bin string, now time.Time, progress func(string)) {
	entries, err := os.ReadDir(bin)
	if err != nil {
		progress("old programs are kept: " + err.Error())
		return
	}
	type folder struct {
		path string
		used time.Time
	}
	var all []folder
	for _, e := range entries {
		path := filepath.Join(bin, e.Name())
		info, err := os.Stat(filepath.Join(path, useLock))
		if errors.Is(err, fs.ErrNotExist) {
			info, err = e.Info() // never used, or by a version that did not note it
		}
		if err == nil && e.IsDir() {
			all = append(all, folder{path, info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b folder) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.path, b.path)) })
	for _, f := range all[min(keepNewest, len(all)):] {
		if now.Sub(f.used) < keepUsed {
			continue
		}
		switch removed, err := removeUnused(f.path); {
		case err != nil:
			progress("old programs are kept: " + err.Error())
		case removed:
			progress("removed programs that were last used on " + f.used.Format(time.DateOnly) + ": " + f.path)
		}
	}
}

// removeUnused removes a folder of programs, unless somebody builds in it or uses it.
func removeUnused(dir string) (bool, error) {
	for _, name := range []string{buildLock, useLock} {
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return false, err
		}
		defer file.Close() // the lock lasts until the folder is gone
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, os.RemoveAll(dir)
}
