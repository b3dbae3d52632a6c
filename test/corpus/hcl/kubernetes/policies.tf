data "aws_iam_policy_document" "assume" {
  statement {
    sid     = "AllowPods"
    effect  = "Allow"
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "aws:PrincipalTag/kubernetes-namespace"
      values   = ["payments-$${aws:username}", "shop"]
    }
  }
}
