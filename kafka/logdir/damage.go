package logdir

import (
	"bufio"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"syscall"
)

// diskErrors are what a damaged disk, or the file system on it, answers to a reader.
var diskErrors = []error{
	syscall.EIO,
	syscall.EUCLEAN,   // ext4, XFS: the structure is corrupted
	syscall.EBADMSG,   // ext4, XFS: a checksum does not match
	syscall.EILSEQ,    // the disk's own checksum does not match
	syscall.ENODATA,   // a sector cannot be read
	syscall.EREMOTEIO, // an error of the disk behind a network
	syscall.EISDIR,    // a folder in place of a file
	bufio.ErrTooLong,  // no text
	strconv.ErrSyntax, // no number
	strconv.ErrRange,
}

// isDamage reports whether a file cannot be read because it is damaged. All other
// errors say nothing about the data: no right to read it, no memory.
func isDamage(err error) bool {
	return slices.ContainsFunc(diskErrors, func(e error) bool { return errors.Is(err, e) })
}

// cause returns the error without the path of the file.
func cause(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}
