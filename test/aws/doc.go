// Package aws is a stand-in for AWS: EC2 and Auto Scaling (query and XML), STS, EKS (REST), S3 with Object Lock
// (REST and XML, path-style), SES (REST), Cost Explorer, the Price List and Athena (JSON), all on one address. It speaks their wire, checks signatures, pages, and enforces the documented limits and errors,
// so that the SDK and the AWS CLI take it for AWS.
//
// Tests and the stand put things into its World, hand its address to whoever asks AWS, and tell it to fail by Fault.
package aws
