package aws

// Grant is a part of what the bot does in AWS, and the API actions, as IAM names them, that it calls for it.
type Grant struct {
	Part    string // as deploy/terraform names the policy
	Actions []string
	// Behind are actions that AWS does on the bot's behalf and asks its permission for: Athena reads tables and files as the caller.
	Behind []string
}

// Removes is what a Remover calls, with a role that may nothing else. It changes something, so that Grants does not
// have it. Tagging is asked for by making a snapshot with a tag.
func Removes() Grant {
	return Grant{
		Part:    "volume-remover",
		Actions: []string{"ec2:CreateSnapshot", "ec2:DeleteVolume", "ec2:DescribeSnapshots", "ec2:DescribeVolumes"},
		Behind:  []string{"ec2:CreateTags"},
	}
}

// Keeps is what Anchors calls, with a role that may nothing else: nothing that is locked can be changed or deleted by it. The retention
// is asked for by writing an object with one.
func Keeps() Grant {
	return Grant{
		Part:    "audit-anchor",
		Actions: []string{"s3:GetBucketObjectLockConfiguration", "s3:GetObjectVersion", "s3:ListBucketVersions", "s3:PutObject"},
		Behind:  []string{"s3:PutObjectRetention"},
	}
}

// Mails is what Mail calls. What a raw mail asks for is named after the call of before.
func Mails() Grant {
	return Grant{Part: "report-mail", Actions: []string{"ses:GetEmailIdentity", "ses:SendEmail"}, Behind: []string{"ses:SendRawEmail"}}
}

// Invokes is what Model calls.
func Invokes() Grant {
	return Grant{Part: "narrator", Actions: []string{"bedrock:InvokeModel"}}
}

// Injects is what FIS calls, with a role that may nothing else: it begins, reads and ends what it made, as the role of AWS FIS that somebody
// named, and reads the template that somebody made.
func Injects() Grant {
	return Grant{
		Part: "fault-injector",
		Actions: []string{
			"fis:CreateExperimentTemplate", "fis:DeleteExperimentTemplate", "fis:GetExperiment", "fis:GetExperimentTemplate", "fis:ListExperimentTemplates",
			"fis:ListExperiments", "fis:StartExperiment", "fis:StopExperiment",
		},
		Behind: []string{"fis:TagResource", "iam:PassRole"},
	}
}

// Files is what Depot calls.
func Files() Grant {
	return Grant{Part: "report-files", Actions: []string{"s3:PutObject"}}
}

// Grants are all parts of looking. sts:GetCallerIdentity needs no permission, and sts:AssumeRole is the caller's own affair.
func Grants() []Grant {
	return []Grant{
		{Part: "inventory", Actions: []string{
			"autoscaling:DescribeAutoScalingGroups",
			"ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DescribeSpotPriceHistory", "ec2:DescribeVolumes",
			"eks:DescribeCluster", "eks:DescribeClusterVersions", "eks:DescribeNodegroup", "eks:ListNodegroups",
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
