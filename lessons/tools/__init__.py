"""What turns a lesson into a lab, and checks one. Each file is one step.

`catalog`
    the plan of the course, and which lessons there are
`cells`
    scripts and notebooks → cells
`exercises`
    exercises, checks and points of a lesson; the script without its solutions
`notebooks`
    cells → notebooks with nbgrader's metadata
`labs`
    the files of a lab, never over those of a learner
`running`, `run_cells`
    cells in order, in a process of their own, with a time limit
`progress`
    which checks have passed, kept beside the labs
`command`
    parsers, and how errors leave a command
"""
