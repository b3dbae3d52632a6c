terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.33"
    }
  }
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  policies = merge(
    var.inventory ? { inventory = file("${path.module}/policies/inventory.json") } : {},
    var.prices ? { prices = file("${path.module}/policies/prices.json") } : {},
    var.bills ? { bills = file("${path.module}/policies/bills.json") } : {},
    var.splits == null ? {} : {
      splits = templatefile("${path.module}/policies/splits.json.tftpl", {
        partition      = data.aws_partition.this.partition
        region         = data.aws_region.this.name
        account        = data.aws_caller_identity.this.account_id
        workgroup      = var.splits.workgroup
        database       = var.splits.database
        table          = var.splits.table
        export_bucket  = var.splits.export_bucket
        results_bucket = var.splits.results_bucket
      })
    },
  )

  # What follows oidc-provider/ in the provider's ARN is the issuer, which conditions are named by.
  issuer  = try(split("oidc-provider/", var.oidc_provider_arn)[1], "")
  subject = "system:serviceaccount:${var.service_account.namespace}:${var.service_account.name}"
}

data "aws_iam_policy_document" "trust" {
  dynamic "statement" {
    for_each = var.trust == "irsa" ? [1] : []
    content {
      actions = ["sts:AssumeRoleWithWebIdentity"]
      principals {
        type        = "Federated"
        identifiers = [var.oidc_provider_arn]
      }
      condition {
        test     = "StringEquals"
        variable = "${local.issuer}:sub"
        values   = [local.subject]
      }
      condition {
        test     = "StringEquals"
        variable = "${local.issuer}:aud"
        values   = ["sts.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.trust == "pod_identity" ? [1] : []
    content {
      actions = ["sts:AssumeRole", "sts:TagSession"]
      principals {
        type        = "Service"
        identifiers = ["pods.eks.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.this.account_id]
      }
    }
  }

  dynamic "statement" {
    for_each = var.trust == "role" ? [1] : []
    content {
      actions = ["sts:AssumeRole"]
      principals {
        type        = "AWS"
        identifiers = [var.role_arn]
      }
      dynamic "condition" {
        for_each = var.external_id == "" ? [] : [var.external_id]
        content {
          test     = "StringEquals"
          variable = "sts:ExternalId"
          values   = [condition.value]
        }
      }
    }
  }
}

resource "aws_iam_role" "this" {
  name               = var.name
  description        = "Autopilot: reads what runs, what it costs and what is paid. It changes nothing."
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = var.tags

  lifecycle {
    precondition {
      condition     = var.trust != "irsa" || local.issuer != ""
      error_message = "With trust = \"irsa\", oidc_provider_arn is needed."
    }
    precondition {
      condition     = var.trust != "pod_identity" || var.cluster_name != ""
      error_message = "With trust = \"pod_identity\", cluster_name is needed."
    }
    precondition {
      condition     = var.trust != "role" || var.role_arn != ""
      error_message = "With trust = \"role\", role_arn is needed."
    }
  }
}

resource "aws_iam_role_policy" "this" {
  for_each = local.policies

  name   = "${var.name}-${each.key}"
  role   = aws_iam_role.this.id
  policy = each.value
}

data "aws_iam_policy_document" "assume" {
  count = length(var.assume_role_arns) > 0 ? 1 : 0

  statement {
    actions   = ["sts:AssumeRole"]
    resources = var.assume_role_arns
  }
}

resource "aws_iam_role_policy" "assume" {
  count = length(var.assume_role_arns) > 0 ? 1 : 0

  name   = "${var.name}-assume"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.assume[0].json
}

resource "aws_eks_pod_identity_association" "this" {
  count = var.trust == "pod_identity" ? 1 : 0

  cluster_name    = var.cluster_name
  namespace       = var.service_account.namespace
  service_account = var.service_account.name
  role_arn        = aws_iam_role.this.arn
  tags            = var.tags
}
