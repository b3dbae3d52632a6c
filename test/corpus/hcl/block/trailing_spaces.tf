resource "x" "y" {   
  a = 1   
  b = "two"	
   
  c = [ 1 , 2 ]  
}  
   
