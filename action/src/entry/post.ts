import { post } from '../post.ts'
import { enter } from './world.ts'

enter(post)
