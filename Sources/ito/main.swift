print("ito")
