"""What is fetched: sources described once, downloads that resume, archives unpacked safely."""
