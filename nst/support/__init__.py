"""What is not about style: arguments, files, downloads, weights, devices, memory, interrupts. It imports none of ours."""
