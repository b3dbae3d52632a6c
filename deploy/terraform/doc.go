// Package terraform is the role of the bot in AWS as a Terraform module; its test holds the policies against what engine/aws calls.
package terraform
