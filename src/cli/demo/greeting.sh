greet() {
  if [ -z "$1" ]; then
    echo "Hello"
  else
    echo "Hello, $1"
  fi
}

farewell() {
  echo "Bye, $1"
}
