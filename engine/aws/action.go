package aws

// Grant is a part of what the bot does in AWS, and the API actions, as IAM names them, that it calls for it.
type Grant struct {
	Part    string // as deploy/terraform names the policy
	Actions []string
	// Behind are actions that AWS does on the bot's behalf and asks its permission for: Athena reads tables and files as the caller.
	Behind []string
}

// Grants are all parts. sts:GetCallerIdentity needs no permission, and sts:AssumeRole is the caller's own affair.
func Grants() []Grant {
	return []Grant{
		{Part: "inventory", Actions: []string{
			"autoscaling:DescribeAutoScalingGroups",
			"ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DescribeSpotPriceHistory", "ec2:DescribeVolumes",
			"eks:DescribeCluster", "eks:DescribeNodegroup", "eks:ListNodegroups",
		}},
		{Part: "prices", Actions: []string{"pricing:GetProducts"}},
		{Part: "bills", Actions: []string{"ce:GetCostAndUsage"}},
		{
			Part: "splits",
			Actions: []string{
				"athena:GetQueryExecution", "athena:GetQueryResults", "athena:StartQueryExecution", "athena:StopQueryExecution",
			},
			Behind: []string{
				"glue:GetDatabase", "glue:GetPartitions", "glue:GetTable",
				"s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:PutObject",
			},
		},
	}
}
