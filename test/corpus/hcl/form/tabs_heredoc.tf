resource "a" "b" {
	script = <<-SH
		echo one
			echo two
	SH
	size	=	3

	nested = {
		one	= { two = 2 }
	}
}
