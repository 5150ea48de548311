"""What search does with the record: one public function a file."""
