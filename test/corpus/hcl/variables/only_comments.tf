# Nothing here yet.

// variable "soon" { default = 3 }

/*
resource "aws_eks_node_group" "was" {
  scaling_config { desired_size = 3 }
}
*/
