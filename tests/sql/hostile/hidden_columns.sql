# Other times and hidden columns of a dataset.
SELECT filename FROM people
SELECT file_row_number FROM people
SELECT people.filename FROM people
SELECT * FROM people AT (VERSION => 1)
