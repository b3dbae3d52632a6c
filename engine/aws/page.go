package aws

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine"
)

// maxPages is more than any list has: a server that goes on beyond it is not listing.
const maxPages = 5000

// paginator is what the SDK's paginators have in common.
type paginator[O, T any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*O)) (T, error)
}

// each goes through all pages of a list. It fails as a whole: a part of a list is not a list.
func each[O, T any](ctx context.Context, pages paginator[O, T], what string, do func(T)) error {
	for n := 0; pages.HasMorePages(); n++ {
		if n == maxPages {
			return engine.Errorf(engine.Unavailable, "%s cannot be listed: there is no end to their pages", what)
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return failed(err, what+" cannot be listed")
		}
		do(page)
	}
	return nil
}
