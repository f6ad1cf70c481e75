# awk -v dir=DIR -f blocks.awk README.md >blocks.cpp: the C++ of README.md as one source file, so that it can be compiled.
# The opening fence says what a block is:
#   ```cpp body           statements: each block becomes a function
#   ```cpp declarations   stays as it is; later blocks may use it
#   ```cpp program PATH   a whole program, the text of the file PATH; goes to DIR/PATH, with slashes as underscores

BEGIN { print "#include \"prelude.hpp\"\n\nnamespace {\n" }

/^```/ && inside {
  if (kind == "body") print "}\n"
  inside = 0
  next
}
/^```/ {
  inside = 1
  kind = $1 == "```cpp" ? $2 : "text"
  if (kind == "body") {
    printf "[[maybe_unused]] void line_%d() {\n#line %d \"README.md\"\n", NR, NR + 1
  } else if (kind == "declarations") {
    printf "#line %d \"README.md\"\n", NR + 1
  } else if (kind == "program") {
    program = $3
    gsub("/", "_", program)
    program = dir "/" program
    printf "" >program
  } else if (kind != "text") {
    printf "README.md:%d: a C++ block must say whether it is a body, declarations or a program\n", NR >"/dev/stderr"
    exit 1
  }
  next
}
inside && kind == "program" { print >program; next }
inside && kind != "text"

END { print "\n}  // namespace" }
