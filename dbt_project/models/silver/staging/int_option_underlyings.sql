select * from ({{ reference_underlyings() }})
