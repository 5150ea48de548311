"""The use cases of the catalog: one public function a file, named like it."""
