package inventory

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	pageSize     = 500 // objects: decoded pods are some 15 kB each, and only one page is whole at a time
	pageDeadline = 30 * time.Second
	listAttempts = 3 // a list that takes longer than etcd keeps its moment is begun again
)

// list is a method of a client that gives a page.
type list[L metav1.ListInterface] func(ctx context.Context, opts metav1.ListOptions) (L, error)

// need lists a kind that every cluster has.
func need[L metav1.ListInterface, T any](ctx context.Context, v *survey, kind string, page list[L], items func(L) []T, trim func(*T)) []*T {
	if v.silent {
		v.out.Complete = false
		return nil
	}
	all, err := all(ctx, page, items, trim)
	if err != nil {
		v.out.Complete = false
		v.gap(kind, err)
		return nil
	}
	return all
}

// all reads every page of a list, as it was at one moment, and trims each object before the next page comes. It gives all or
// nothing.
func all[L metav1.ListInterface, T any](ctx context.Context, page list[L], items func(L) []T, trim func(*T)) (out []*T, err error) {
	for range listAttempts {
		out, err = once(ctx, page, items, trim)
		if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			return out, err
		}
	}
	return nil, err
}

func once[L metav1.ListInterface, T any](ctx context.Context, page list[L], items func(L) []T, trim func(*T)) ([]*T, error) {
	var out []*T
	opts := metav1.ListOptions{Limit: pageSize}
	for {
		l, err := within(ctx, page, opts)
		if err != nil {
			return nil, err
		}
		for _, item := range items(l) {
			own := new(T) // a pointer into the page would keep all of it
			*own = item
			trim(own)
			out = append(out, own)
		}
		if opts.Continue = l.GetContinue(); opts.Continue == "" {
			return out, nil
		}
	}
}

func within[L metav1.ListInterface](ctx context.Context, page list[L], opts metav1.ListOptions) (L, error) {
	ctx, cancel := context.WithTimeout(ctx, pageDeadline)
	defer cancel()
	return page(ctx, opts)
}
