// A function in Go with AWS's own library: one program, called bootstrap, for an OS-only runtime.
package main

import (
	"context"
	"runtime"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Name string `json:"name"`
}

type answer struct {
	Hello     string `json:"hello"`
	Go        string `json:"go"`
	RequestID string `json:"requestId"`
}

func handle(ctx context.Context, asked event) (answer, error) {
	told, _ := lambdacontext.FromContext(ctx)
	return answer{Hello: asked.Name, Go: runtime.Version(), RequestID: told.AwsRequestID}, nil
}

func main() {
	lambda.Start(handle)
}
