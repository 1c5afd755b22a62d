"""What a number is: normalising what trunks send, and the dated number plan of Kazakhstan and the world."""
