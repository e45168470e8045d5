select * from ({{ reference_splits() }})
