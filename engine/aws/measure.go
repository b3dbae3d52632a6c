package aws

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var told atomic.Pointer[func(ctx context.Context, service, code string, took time.Duration)]

// MeasureTo has f told of each try of each call to AWS from now on, whoever makes it: the service, as "ec2", the status that came, or
// "error" where none did, and how long that took.
func MeasureTo(f func(ctx context.Context, service, code string, took time.Duration)) { told.Store(&f) }

// measured is next to the wire, so that it sees each try and not what the SDK makes of them.
func measured(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("Measured", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		began := time.Now()
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if f := told.Load(); f != nil {
			code := "error"
			if response, ok := out.RawResponse.(*smithyhttp.Response); ok && response.Response != nil {
				code = strconv.Itoa(response.StatusCode)
			}
			(*f)(ctx, strings.ToLower(awsmiddleware.GetServiceID(ctx)), code, time.Since(began))
		}
		return out, metadata, err
	}), middleware.After)
}
