package cluster

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// etcdSpace is the size of etcd's disk while it is not full. It takes memory only as it
// is used.
const etcdSpace = 4 << 30

// mountEtcd gives etcd a disk of its own, which only the programs of the cluster see:
// it goes with the last of them. It is called on the thread that starts them, by root.
func (s *supervisor) mountEtcd() error {
	if err := os.MkdirAll(s.etcdFolder(), 0o700); err != nil {
		return fmt.Errorf("make etcd's folder: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("set mounts apart: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("set mounts apart: %w", err)
	}
	if err := unix.Mount("etcd", s.etcdFolder(), "tmpfs", 0, sized(etcdSpace)); err != nil {
		return fmt.Errorf("mount etcd's disk: %w", err)
	}
	return nil
}

func (s *supervisor) etcdFolder() string { return s.file("etcd") }

func sized(bytes uint64) string { return fmt.Sprintf("mode=0700,size=%d", bytes) }

// FillEtcd leaves no space on etcd's disk, until FreeEtcd. The options say whether it
// has one of its own.
func (st *Stage) FillEtcd() error {
	if !st.options.EtcdDisk {
		return errors.New("etcd has no disk of its own")
	}
	var err error
	for range 20 { // it may be writing
		st.onThread(func() {
			var now unix.Statfs_t
			if err = unix.Statfs(st.s.etcdFolder(), &now); err == nil {
				err = st.resize((now.Blocks - now.Bfree) * uint64(now.Bsize))
			}
		})
		if !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	return err
}

// FreeEtcd gives etcd's disk its space again.
func (st *Stage) FreeEtcd() (err error) {
	st.onThread(func() { err = st.resize(etcdSpace) })
	return err
}

func (st *Stage) resize(bytes uint64) error {
	if err := unix.Mount("", st.s.etcdFolder(), "", unix.MS_REMOUNT, sized(bytes)); err != nil {
		return fmt.Errorf("make etcd's disk %d bytes large: %w", bytes, err)
	}
	return nil
}
