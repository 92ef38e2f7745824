#!/usr/bin/env bash
# Tests greeting.sh, and writes what happened as JUnit XML and lcov: results
# into buddybuild_artifacts/<name>/ appear on the build.
source ./greeting.sh
report=buddybuild_artifacts/unit
mkdir -p "$report" out
exec 9> out/trace
BASH_XTRACEFD=9
PS4='+ ${BASH_SOURCE##*/}:${LINENO} '
count=0 failed=0 cases=''

check() {
  local name=$1 expected=$2 actual failure=''
  shift 2
  set -x
  actual=$("$@")
  set +x
  count=$((count + 1))
  if [ "$actual" = "$expected" ]; then
    echo "ok     $name"
  else
    echo "FAILED $name: expected \"$expected\", got \"$actual\""
    failed=$((failed + 1))
    failure="<failure message=\"expected '$expected', got '$actual'\"/>"
  fi
  cases+="<testcase classname=\"GreetingTests\" name=\"$name\">$failure</testcase>"
}

check 'testGreeting()' 'Hello, Ada' greet Ada
check 'testFarewell()' 'Goodbye, Ada' farewell Ada
echo "$count tests, $failed failed"
echo "<testsuite name=\"GreetingTests\">$cases</testsuite>" > "$report/results.xml"

# Lines that do something, and how often the trace has seen each.
{
  echo 'TN:Sample'
  echo 'SF:greeting.sh'
  grep -nE '^ +(if|echo)' greeting.sh | while IFS=: read -r line _; do
    echo "DA:$line,$(grep -c "greeting.sh:$line " out/trace)"
  done
  echo 'end_of_record'
} > "$report/lcov.info"
