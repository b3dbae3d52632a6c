package stand

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/eks-autopilot/autopilot/store/storetest"
)

// lockName is the file that a living stand keeps locked in its folder.
const lockName = "stand.lock"

// sweepDepth is how many folders deep a stand's parts are below a folder that
// holds stands. Deeper there is only what the parts keep themselves.
const sweepDepth = 3

// Sweep ends the processes that killed stands left behind, where dir is a
// stand's folder or one that holds such folders. Files stay, and stands that live
// are left alone. A dir that does not exist is clean. Clusters are not looked
// at: the start of one clears what others left.
func Sweep(ctx context.Context, dir string) error {
	if lives(dir) {
		return nil
	}
	return sweep(ctx, dir)
}

// sweep is Sweep for a dir that is known to be nobody's, or the caller's.
func sweep(ctx context.Context, dir string) error {
	var errs []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // a part that ends takes files away
		case err != nil:
			return err
		case d.IsDir():
			below, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			if path != dir && (lives(path) || strings.Count(below, string(filepath.Separator)) >= sweepDepth) {
				return fs.SkipDir
			}
		case d.Name() == "postmaster.pid":
			errs = append(errs, storetest.EndLeftBehind(filepath.Dir(filepath.Dir(path))))
		case filepath.Ext(path) == ".pid":
			errs = append(errs, endLeftBehind(ctx, path))
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// lives tells whether a stand that lives has dir as its folder.
func lives(dir string) bool {
	file, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// lockFolder makes dir the caller's until the file is closed. It fails when
// another stand that lives has it.
func lockFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s is another stand's that runs: %w", dir, err)
	}
	return file, nil
}
