// Runs before each test file: files and folders that tests make are closed to the writing of others, whatever the umask of the shell is.
process.umask(0o022);
