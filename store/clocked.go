package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// clocked times statements, for Options.Asked. A statement's text and values stay here.
type clocked struct {
	asked func(outcome string, took time.Duration)
}

type began struct{}

// TraceQueryStart implements pgx.QueryTracer.
func (c clocked) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, began{}, time.Now())
}

// TraceQueryEnd implements pgx.QueryTracer.
func (c clocked) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	c.end(ctx, d.Err)
}

// TraceBatchStart implements pgx.BatchTracer.
func (c clocked) TraceBatchStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return c.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{})
}

// TraceBatchQuery implements pgx.BatchTracer.
func (clocked) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (c clocked) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchEndData) {
	c.end(ctx, d.Err)
}

func (c clocked) end(ctx context.Context, err error) {
	at, ok := ctx.Value(began{}).(time.Time)
	if !ok {
		return
	}
	outcome := "ok"
	if told, answered := errors.AsType[*pgconn.PgError](err); answered {
		outcome = told.Code
	} else if err != nil {
		outcome = "error"
	}
	c.asked(outcome, time.Since(at))
}
