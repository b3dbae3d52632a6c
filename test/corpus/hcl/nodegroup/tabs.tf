resource "aws_eks_node_group" "tabbed" {
	cluster_name	= "prod"
	node_group_name	= "tabbed"

	scaling_config {
		desired_size	= 3	# three
		max_size	= 5
		min_size	= 3
	}
}
