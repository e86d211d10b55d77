#!/bin/bash
# Makes a root with Debian's Python, grpcio and the performer in FOLDER, for crates/oci/tests/performer.rs. Says why and
# leaves no root where the packages cannot be had.
#   prepare.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?usage: prepare.sh FOLDER}
proto=$here/../../../crates/oci/proto
# The first of the container's user ids (ID_BASE).
owner=1879048192
python=3.11
skip() {
  echo "not run: $1"
  rm -rf "$folder"
  exit 0
}
[ "$(id -u)" = 0 ] || skip "a container's root is made by root"
for tool in apt-get dpkg-deb python3 pip; do
  command -v "$tool" >/dev/null || skip "this host has no $tool"
done

packages=(python$python-minimal libpython$python-minimal libpython$python-stdlib libc6 libexpat1 zlib1g libssl3 libffi8
  libbz2-1.0 liblzma5 libuuid1 libstdc++6 libgcc-s1 libcrypt1)
made_by=$(cat "$here/prepare.sh" "$here/requirements.txt" | sha256sum)
if [ "$made_by" != "$(cat "$folder/made_by" 2>/dev/null)" ]; then
  rm -rf "$folder"
  mkdir -p "$folder/packages"
  (cd "$folder/packages" && apt-get -qq download "${packages[@]}" 2>"$folder/log") \
    || skip "Debian's packages of Python $python cannot be had here: $(tail -n 1 "$folder/log")"
  mkdir -p "$folder/root/usr/bin" "$folder/root/usr/sbin" "$folder/root/usr/lib" "$folder/root/usr/lib64"
  for name in bin sbin lib lib64; do
    ln -s "usr/$name" "$folder/root/$name"
  done
  for package in "$folder"/packages/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$folder/root"
  done
  pip download -q --no-deps --only-binary=:all: --python-version $python --platform manylinux2014_x86_64 \
    -d "$folder/packages" -r "$here/requirements.txt" 2>"$folder/log" \
    || skip "grpcio and protobuf cannot be had here: $(tail -n 1 "$folder/log")"
  # The compiler of .proto files runs here, not in the container.
  pip install -q --root-user-action=ignore --target "$folder/tools" grpcio-tools==1.85.1 2>"$folder/log" \
    || skip "grpcio-tools cannot be had here: $(tail -n 1 "$folder/log")"
  mkdir -p "$folder/root/app"
  for wheel in "$folder"/packages/*.whl; do
    python3 -m zipfile -e "$wheel" "$folder/root/app"
  done
  echo "$made_by" >"$folder/made_by"
fi
PYTHONPATH=$folder/tools python3 -m grpc_tools.protoc -I "$proto" --python_out="$folder/root/app" \
  --grpc_python_out="$folder/root/app" "$proto/performer.proto"
cp "$here/performer.py" "$folder/root/app/"
chmod -R u+rwX,go+rX "$folder/root"
chown -hR "$owner:$owner" "$folder/root"
